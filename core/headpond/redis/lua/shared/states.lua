-- states: in which state a job is, '' when there is no such job.
-- KEYS  waiting delayed active completed failed cancelled aside_at
local function state_of(id)
  for name, key in pairs({
    waiting = waiting, delayed = delayed, active = active,
    completed = completed, failed = failed, cancelled = cancelled,
  }) do
    if redis.call('ZSCORE', key, id) then
      return name
    end
  end
  return redis.call('HEXISTS', aside_at, id) == 1 and 'waiting' or ''
end
