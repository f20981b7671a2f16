;; Good: reads every event and says nothing.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(br_if $more (call $next (i32.const 1024) (i32.const 4096)))))
)
