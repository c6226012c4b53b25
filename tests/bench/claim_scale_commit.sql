-- What a commit costs at all, beside the claims of claim_scale_next.sql.
INSERT INTO desk.commit VALUES (1);
