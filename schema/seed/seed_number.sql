-- What the stories are drawn from; holds for the transaction. $1 text: the seed.
SELECT set_config('meridian.seed', $1, true)
