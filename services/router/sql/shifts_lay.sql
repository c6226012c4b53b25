-- Lays out the shifts of the organisation of a version anew, unless another one is in force. $1 version (bigint), $2 shifts (json)
SELECT desk.shifts_lay($1::bigint, $2::json)
