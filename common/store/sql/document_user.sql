-- A user by login, for submitting on somebody's behalf. $1 text login. No row: there is none, or the account is disabled.
SELECT row_to_json(d)::text FROM (
    SELECT u.id, u.login, u.name, u.role, u.region, u.language FROM desk.app_user u WHERE u.login = $1::text AND u.disabled_at IS NULL) d
