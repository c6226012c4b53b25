-- A migration waits 2 s for a table at most, because everybody else waits behind it; it is then repeated. Its work may take long.
SELECT set_config('lock_timeout', '2s', false), set_config('statement_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '0', false)
