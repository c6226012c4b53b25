-- Writes down rules of zones that are not those that were written down last. Safe to repeat; two routers at once may write them twice, which does no harm.
-- $1 version (text), $2 zones (json)
INSERT INTO desk.tzdata (version, zones) SELECT $1::text, $2::jsonb
WHERE NOT EXISTS (SELECT FROM (SELECT z.version, z.digest FROM desk.tzdata z ORDER BY z.id DESC LIMIT 1) l
                  WHERE l.version = $1::text AND l.digest = md5($2::jsonb::text))
