-- Pages of the file that hold nothing.
PRAGMA freelist_count
