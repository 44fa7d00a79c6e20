-- rows: jobs with everything that is known of them. A job that there is not gives an empty row.
-- KEYS  waiting delayed active completed failed cancelled jobs standing owners tries outcomes reasons parked
--       aside_at progress members batches batch_ends cancels
--@include usual
local function batch_of(id)
  local own = redis.call('HGET', members, id)
  local name, generation = string.match(own or '', '^([^-].*)|(%d+)|%d+$')
  local ends = name and redis.call('ZSCORE', batch_ends, name)
  local packed = ends and tonumber(ends) > now and redis.call('HGET', batches, name)
  return packed and cmsgpack.unpack(packed)[12] == tonumber(generation) and name or ''
end

local function rows(ids)
  local found, usual = {}, usual_standing()
  for i, id in ipairs(ids) do
    local body = redis.call('HGET', jobs, id)
    local state, score = '', false
    for name, key in pairs({
      waiting = waiting, delayed = delayed, active = active,
      completed = completed, failed = failed, cancelled = cancelled,
    }) do
      local at = redis.call('ZSCORE', key, id)
      if at then
        state, score = name, at
      end
    end
    if not score then
      state, score = 'waiting', redis.call('HGET', aside_at, id)
    end
    if not body or not score then
      found[i] = {}
    else
      found[i] = {
        id, state, score, body,
        redis.call('HGET', standing, id) or usual,
        redis.call('HGET', owners, id) or '',
        redis.call('HGET', tries, id) or '0',
        redis.call('HGET', reasons, id) or '',
        redis.call('HGET', outcomes, id) or '',
        redis.call('HEXISTS', parked, id),
        redis.call('HGET', progress, id) or '',
        batch_of(id),
        redis.call('HEXISTS', cancels, id),
      }
    end
  end
  return found
end
