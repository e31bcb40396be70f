-- Decides claims in order; a claim gets all its locks or none.
--
-- KEYS: the locks of the first claim, then those of the second, and so on.
-- ARGV: the lease in milliseconds; the number of ghosts; the ghosts (owners that may be displaced);
--       then for each claim its booking and the number of its KEYS.
-- Answer: for each claim its obstacles as {position within the claim from 0, owner, remaining milliseconds};
--         an empty list means that the claim was granted.
local lease = tonumber(ARGV[1])
local last_ghost = 2 + tonumber(ARGV[2])
local ghosts = {}
for i = 3, last_ghost do
  ghosts[ARGV[i]] = true
end

local answers = {}
local first = 1
for i = last_ghost + 1, #ARGV, 2 do
  local booking = ARGV[i]
  local last = first + tonumber(ARGV[i + 1]) - 1
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
      if not own[k] or redis.call('PTTL', KEYS[k]) < lease then
        redis.call('SET', KEYS[k], booking, 'PX', lease)
      end
    end
  end
  answers[#answers + 1] = obstacles
  first = last + 1
end
return answers
