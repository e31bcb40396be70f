-- Carries out operations on locks, in order. A claim gets all its locks or none.
--
-- KEYS: the locks of the first operation, then those of the second, and so on.
-- ARGV: for each operation its booking; 'claim' or 'keep'; how many milliseconds its locks are to last (of a keep, 0 removes them);
--       the number of its KEYS; the number of its ghosts (owners that a claim may displace); the ghosts.
-- Answer: for each operation its obstacles as {position within the operation from 0, owner, remaining milliseconds}; an empty list
--         means that a claim was granted. A keep has none: it leaves alone what is not its booking's.
local function claim(booking, lasting, first, last, ghosts)
  local obstacles = {}
  local own = {}
  for k = first, last do
    local owner = redis.call('GET', KEYS[k])
    if owner == booking then
      own[k] = true
    elseif owner and not ghosts[owner] then
      obstacles[#obstacles + 1] = { k - first, owner, redis.call('PTTL', KEYS[k]) }
    end
  end
  if #obstacles == 0 then
    for k = first, last do
      -- An own lock that lasts longer than the lease, because its deadline was set before, stays as it is.
      if not own[k] or redis.call('PTTL', KEYS[k]) < tonumber(lasting) then
        redis.call('SET', KEYS[k], booking, 'PX', lasting)
      end
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
