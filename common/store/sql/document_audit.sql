-- Raw events of all tickets, ticket by ticket, with each ticket's head, for checking the hash chains. A ticket without any event shows once with seq null.
-- $1 text "ticket id:seq" of the last one seen, or null; $2 int most rows.
WITH after AS (
    SELECT split_part($1::text, ':', 1)::uuid AS id, split_part($1::text, ':', 2)::int AS seq
), page AS (
    SELECT t.id, t.number, t.client_key, t.event_seq, t.event_hash, e.seq, e.type, e.at, e.actor, e.data, e.hash
    FROM (SELECT k.id, k.number, k.client_key, k.event_seq, k.event_hash FROM desk.ticket k
          WHERE k.id >= (SELECT coalesce((SELECT id FROM after), '00000000-0000-0000-0000-000000000000')) ORDER BY k.id LIMIT $2::int + 2) t -- the one it stopped in may have nothing more
    LEFT JOIN LATERAL (SELECT v.seq, v.type, v.at, v.actor, v.data, v.hash FROM desk.event v
          WHERE v.ticket_id = t.id AND v.seq > CASE WHEN t.id = (SELECT id FROM after) THEN (SELECT seq FROM after) ELSE 0 END
          ORDER BY v.seq LIMIT $2::int + 1) e ON true
    WHERE e.seq IS NOT NULL OR t.id IS DISTINCT FROM (SELECT id FROM after)
    ORDER BY t.id, e.seq
    LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id, seq LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id || ':' || coalesce(seq, 0) FROM shown ORDER BY id DESC, seq DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT s.id AS ticket, s.number, s.client_key AS key, s.seq, s.type, desk.us(s.at) AS at_us, s.actor, s.data::text AS data, encode(s.hash, 'hex') AS hash,
               s.event_seq AS head_seq, encode(s.event_hash, 'hex') AS head_hash
        FROM shown s ORDER BY s.id, s.seq) i), '[]'))::text
