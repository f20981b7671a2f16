;; Rows that are no JSON, for each event.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(if (call $next (i32.const 1024) (i32.const 4096))
				(then
					(call $pg (i32.const 1024) (i32.const 100))
					(call $pg (i32.const 0) (i32.const 0))
					(br $more)))))
)
