-- Lays out who is on duty anew, under the lock of duty_lock. $1 [{team, role, login, from, to}] (json)
SELECT desk.duty_lay($1::json)
