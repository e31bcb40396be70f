-- Carries out operations on locks, in order. A claim gets all its locks or none.
--
-- KEYS: the locks of the first operation, then those of the second, and so on.
-- ARGV: for each operation its booking; 'claim' or 'keep'; how many milliseconds its locks are to last (of a keep, 0 removes them);
--       the number of its KEYS; the number of its ghosts (owners that a claim may displace); the ghosts.
-- Answer: for each operation its obstacles as {position within the operation from 0, owner, remaining milliseconds}; an empty list
--         means that a claim was granted. A keep has none: it leaves alone what is not its booking's.
local function claim(booking, lasting, first, last, ghosts)
  local obstacles, taken, rewritten = {}, {}, {}
  for k = first, last do
    local owner = redis.call('SET', KEYS[k], booking, 'NX', 'GET', 'PX', lasting)
    if not owner then
      taken[#taken + 1] = KEYS[k]
    elseif ghosts[owner] then
      rewritten[#rewritten + 1] = KEYS[k]
    elseif owner ~= booking then
      obstacles[#obstacles + 1] = { k - first, owner, redis.call('PTTL', KEYS[k]) }
    elseif redis.call('PTTL', KEYS[k]) < tonumber(lasting) then
      -- An own lock that lasts longer stays as it is.
      rewritten[#rewritten + 1] = KEYS[k]
    end
  end
  if #obstacles > 0 then
    for _, key in ipairs(taken) do
      redis.call('DEL', key)
    end
  else
    for _, key in ipairs(rewritten) do
      redis.call('SET', key, booking, 'PX', lasting)
    end
  end
  return obstacles
end

local function keep(booking, lasting, first, last)
  for k = first, last do
    if redis.call('GET', KEYS[k]) == booking then
      if lasting == '0' then
        redis.call('DEL', KEYS[k])
      else
        redis.call('PEXPIRE', KEYS[k], lasting)
      end
    end
  end
  return {}
end

local answers = {}
local key = 1
local i = 1
while i <= #ARGV do
  local booking, kind, lasting = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local last = key + tonumber(ARGV[i + 3]) - 1
  local last_ghost = i + 4 + tonumber(ARGV[i + 4])
  if kind == 'claim' then
    local ghosts = {}
    for g = i + 5, last_ghost do
      ghosts[ARGV[g]] = true
    end
    answers[#answers + 1] = claim(booking, lasting, key, last, ghosts)
  else
    answers[#answers + 1] = keep(booking, lasting, key, last)
  end
  key = last + 1
  i = last_ghost + 1
end
return answers
