-- Queues dead letters again. Safe to repeat: what is queued already is not touched. $1 delivery (uuid), null: all
UPDATE desk.delivery SET state = 'queued', attempts = 0, next_at = now()
WHERE state IN ('dead', 'uncertain') AND ($1::uuid IS NULL OR id = $1::uuid)
