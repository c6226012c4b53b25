-- Deletes a small batch of answers that nothing was ready to claim, after ten minutes: they protect only against a late second delivery.
-- Safe to repeat. $1 most rows (int)
DELETE FROM desk.command c WHERE c.ctid = ANY (ARRAY(
    SELECT d.ctid FROM desk.command d WHERE d.response = '' AND d.created_at < now() - interval '10 minutes'
    ORDER BY d.created_at LIMIT $1::int FOR UPDATE SKIP LOCKED))
