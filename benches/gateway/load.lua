-- A signed GitHub push, each with a delivery id of its own. The body's file and its digest come
-- from the environment.
local file = io.open(os.getenv("BODY"), "rb")
local body = file:read("*a")
file:close()
local digest = os.getenv("DIGEST")
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  math.randomseed(os.time() + number * 7919)
  salt = math.random(1e9)
  count = 0
end

function request()
  count = count + 1
  return wrk.format("POST", nil, {
    ["Content-Type"] = "application/json",
    ["X-GitHub-Event"] = "push",
    ["X-GitHub-Delivery"] = number .. "-" .. salt .. "-" .. count,
    ["X-Hub-Signature-256"] = "sha256=" .. digest,
  }, body)
end
