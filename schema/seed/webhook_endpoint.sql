-- Where the demo's webhooks go. Safe to repeat. $1 text: URL, $2 text: secret ("whsec_" and base64).
INSERT INTO desk.webhook_endpoint (name, url, secret) VALUES ('demo', $1, $2) ON CONFLICT DO NOTHING
