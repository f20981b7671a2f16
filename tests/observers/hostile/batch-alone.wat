;; Traps where a batch has a second event: no event traps by itself.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (call $next (i32.const 1024) (i32.const 4096)))
		(if (call $next (i32.const 1024) (i32.const 4096))
			(then (unreachable))))
)
