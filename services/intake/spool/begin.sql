-- Starts the transaction of a group of operations.
BEGIN IMMEDIATE
