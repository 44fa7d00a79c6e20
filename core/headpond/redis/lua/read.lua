-- read: jobs by id. Changes nothing.
-- KEYS  waiting delayed active completed failed cancelled jobs standing owners tries outcomes reasons parked
-- ARGV  ids
-- RETURNS for each id {id, state, score, body, standing, owner, tries, reason, outcome, parked}, or {}
-- COST  O(n), n at most 1,000
local waiting, delayed, active, completed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local failed, cancelled, jobs, standing = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local owners, tries, outcomes = KEYS[9], KEYS[10], KEYS[11]
local reasons, parked = KEYS[12], KEYS[13]
--@include rows
return rows(ARGV)
