-- Gives pages of a backlog that is gone back to the file system, a few at a time.
PRAGMA incremental_vacuum(256)
