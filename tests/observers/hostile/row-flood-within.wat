;; A disk bomb within its limits: two rows of 400 bytes for each event.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(data (i32.const 0) "{\"n\":1,\"text\":\"")
	(data (i32.const 398) "\"}")
	(func (export "observer")
		(memory.fill (i32.const 15) (i32.const 120) (i32.const 383))
		(loop $more
			(if (call $next (i32.const 1024) (i32.const 4096))
				(then
					(call $pg (i32.const 0) (i32.const 400))
					(call $pg (i32.const 0) (i32.const 400))
					(br $more)))))
)
