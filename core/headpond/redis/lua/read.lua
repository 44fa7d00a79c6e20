-- read: jobs by id. Changes nothing.
-- KEYS
-- ARGV  now · ids
-- RETURNS for each id {id, state, score, body, standing, owner, tries, reason, outcome, parked, progress, batch,
--       asked to stop}, or {}
-- COST  O(n), n at most 1,000
--@include now
--@include rows
return rows({ unpack(ARGV, 2) })
