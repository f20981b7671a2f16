;; Asks the host for the same event for ever, in a place that is too small.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(drop (call $next (i32.const 0) (i32.const 1)))
			(br $more)))
)
