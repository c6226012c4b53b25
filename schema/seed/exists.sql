-- Whether anybody is here already: then nothing is seeded.
SELECT EXISTS (SELECT FROM desk.app_user)
