-- SHA-256 of a file's bytes in hex. $1 bytea: the file.
SELECT encode(sha256($1::bytea), 'hex')
