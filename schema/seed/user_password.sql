-- One password for everybody of the demo. Safe to repeat. $1 text: its hash.
INSERT INTO desk.user_password (user_id, hash) SELECT u.id, $1 FROM desk.app_user u ON CONFLICT DO NOTHING
