// Package scenarios is the scenario language: it parses YAML files into a
// [Scenario], reporting every mistake of a file at once, and compiles a Scenario
// into a [Script] that the load engine runs. The built-in scenarios and
// workloads are embedded as the same YAML that anybody could write.
//
//	s, err := scenarios.Load("light")
//	script, err := s.Compile(scenarios.CompileOptions{Client: c, Clock: clock, Target: target})
//
// A file says what users do and how many there are:
//
//	load: {users: 50, spawn_rate: 5/s, duration: 5m}
//	personas:
//	  buyer:
//	    think: 1s-3s
//	    start:                                    # once per user
//	      - {post: /login, json: {user: $env.U}, save: {token: $.access_token}}
//	    headers: {Authorization: "Bearer ${token}"}
//	    tasks:                                    # one of them per iteration
//	      - name: order
//	        weight: 3
//	        steps:
//	          - {post: /orders, json: {sku: "${pick('a', 'b')}"}, expect: 201, save: {id: $.id}, push: {orders: $.id}}
//	          - pause: 500ms
//	          - {get: "/orders/${id}", check: ["$.id == id", "$.lines.size() > 0"]}
//	      - {take: {id: orders}, delete: "/orders/${id}"}     # a task of one step; skipped while the pool is empty
//
// A file goes through decoder (YAML to Scenario), linter (what only the whole
// shows), compiler (names to numbers, texts to bytes) and session (one user).
// docs/scenarios.md is the reference of the language.
package scenarios
