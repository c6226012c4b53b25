-- An endpoint answered 410 Gone: nothing is sent there until somebody enables it again. Safe to repeat.
-- $1 int id, $2 text reason.
UPDATE desk.webhook_endpoint SET disabled_at = now(), disabled_reason = $2 WHERE id = $1::int AND disabled_at IS NULL;
