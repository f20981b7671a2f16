;; Has the same JSON copied for ever.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/event" "json" (func $json (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (call $next (i32.const 1024) (i32.const 4096)))
		(loop $more
			(drop (call $json (i32.const 8192) (i32.const 65536)))
			(br $more)))
)
