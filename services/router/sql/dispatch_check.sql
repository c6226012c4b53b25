-- Whether what was chosen still holds, of a locked ticket that somebody is to own: as desk.pick_check. $1 user (uuid), $2 ticket (uuid)
SELECT desk.pick_check($1::uuid, $2::uuid) IS NULL
