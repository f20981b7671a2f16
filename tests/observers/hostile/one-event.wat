;; Traps at leaf 10 alone; a row for every other.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(data (i32.const 64) "{\"n\":1}")
	(func (export "observer")
		(loop $more
			(if (call $next (i32.const 1024) (i32.const 4096))
				(then
					(if (i64.eq (i64.load (i32.const 1032)) (i64.const 10))
						(then (unreachable)))
					(call $pg (i32.const 64) (i32.const 7))
					(br $more)))))
)
