-- The three regions of the demo. Safe to repeat.
INSERT INTO desk.region (code, name, zone) VALUES
    ('eu', 'Europe', 'Europe/Stockholm'),
    ('ap', 'Asia-Pacific', 'Asia/Shanghai'),
    ('us', 'Americas', 'America/New_York')
ON CONFLICT DO NOTHING
