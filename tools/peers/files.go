package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// files writes what the tools read: bodies, k6's and wrk's scripts, and the api
// workload without its think time.
func (b *bench) files() error {
	body := `{"name":"agent","description":"` + strings.Repeat("x", 1024-33) + `"}`
	show, err := exec.Command(b.lt, "scenarios", "show", "api").Output()
	if err != nil {
		return fmt.Errorf("lt scenarios show api: %w", err)
	}
	os.Setenv("PEERS_KEY", "k-0123456789abcdef")
	for name, text := range map[string]string{
		"body.json": body,
		"post.lua":  fmt.Sprintf("wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = %q\n", body),
		"get.js":    "import http from 'k6/http';\nexport default function () { http.get(__ENV.TARGET); }\n",
		"post.js":   fmt.Sprintf("import http from 'k6/http';\nconst body = %q;\nexport default function () { http.post(__ENV.TARGET, body, { headers: { 'Content-Type': 'application/json' } }); }\n", body),
		"api.js":    apiFlow,
		"api.yaml":  think.ReplaceAllString(string(show), ""),
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var think = regexp.MustCompile(`(?m)^\s*think:.*\n`)

// apiFlow is the api workload as a user of k6 would write it: the same personas,
// weights, bodies, checks and ids, no think time.
const apiFlow = `import http from 'k6/http';
import { check } from 'k6';
const base = __ENV.TARGET.replace(/\/$/, '') + '/api/v1';
const params = { headers: { 'Content-Type': 'application/json', 'X-API-Key': 'k-0123456789abcdef' } };
const words = ['river', 'stone', 'cloud', 'lamp', 'paper', 'field', 'cedar', 'wheel', 'harbor', 'signal'];
const int = (a, b) => a + Math.floor(Math.random() * (b - a + 1));
const pick = (...x) => x[Math.floor(Math.random() * x.length)];
const phrase = () => pick(...words) + ' ' + pick(...words) + ' ' + pick(...words);
const hex = (n) => { let s = ''; for (let i = 0; i < n; i++) s += '0123456789abcdef'[int(0, 15)]; return s; };
const uuid = () => hex(8) + '-' + hex(4) + '-4' + hex(3) + '-8' + hex(3) + '-' + hex(12);
const pools = { agents: [], goals: [], tasks: [] };
let counter = 0, own = null;
const agent = () => JSON.stringify({ name: pick(...words) + ' ' + counter++, agent_type: pick('simple', 'complex', 'specialized'),
  configuration: { max_tokens: int(256, 4096), temperature: Math.random() }, metadata: { source: 'k6', team: pick(...words) } });
function ok(r, status) { check(r, { status: (x) => x.status === status }); return r; }
function push(pool, id) { if (pools[pool].length >= 100) pools[pool].shift(); pools[pool].push(id); }
function create(pool, path, body, key) { push(pool, ok(http.post(base + path, body, params), 201).json(key)); }
const any = (pool) => pick(...pools[pool]);
function choose(table) {
  let sum = 0; for (const [w] of table) sum += w;
  let x = Math.random() * sum;
  for (const [w, f] of table) { x -= w; if (x < 0) return f(); }
}
const need = (pool, f, g) => (pools[pool].length ? f() : g());
const newAgent = () => create('agents', '/agents/', agent(), 'id');
const newGoal = () => create('goals', '/goals/', JSON.stringify({ agent_id: own, description: phrase(), success_criteria: [phrase(), phrase()], priority: int(1, 10) }), 'goal_id');
const newTask = () => create('tasks', '/tasks/', JSON.stringify({ plan_id: uuid(), agent_id: own, description: phrase(), task_type: pick('analysis', 'generation', 'execution'),
  input_data: { content: phrase(), parameters: { priority: pick('low', 'medium', 'high') } } }), 'task_id');
const personas = [
  () => choose([[5, newAgent], [10, () => ok(http.get(base + '/agents/', params), 200)],
    [3, () => need('agents', () => ok(http.get(base + '/agents/' + any('agents'), params), 200), newAgent)],
    [2, () => need('agents', () => ok(http.patch(base + '/agents/' + any('agents'), JSON.stringify({ status: pick('active', 'idle', 'busy', 'suspended'), configuration: { max_tokens: int(256, 4096) } }), params), 200), newAgent)],
    [1, () => need('agents', () => ok(http.del(base + '/agents/' + pools.agents.pop(), null, params), 204), newAgent)]]),
  () => choose([[5, newGoal], [10, () => ok(http.get(base + '/goals/', params), 200)],
    [3, () => need('goals', () => ok(http.get(base + '/goals/' + any('goals'), params), 200), newGoal)],
    [2, () => need('goals', () => ok(http.patch(base + '/goals/' + any('goals'), JSON.stringify({ status: pick('pending', 'in_progress', 'completed', 'failed'), priority: int(1, 10) }), params), 200), newGoal)]]),
  () => choose([[5, newTask],
    [10, () => need('tasks', () => ok(http.get(base + '/tasks/' + any('tasks'), params), 200), newTask)],
    [2, () => need('tasks', () => ok(http.patch(base + '/tasks/' + any('tasks'), JSON.stringify({ status: pick('pending', 'running', 'completed', 'failed'), output_data: { result: phrase() } }), params), 200), newTask)]]),
];
export default function () {
  const n = __VU % 10, persona = n < 5 ? 0 : n < 8 ? 1 : 2;
  if (persona > 0 && own === null) own = ok(http.post(base + '/agents/', agent(), params), 201).json('id');
  personas[persona]();
}
`
