;; Traps at leaves 50 and 120, which come later.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(if (call $next (i32.const 1024) (i32.const 4096))
				(then
					(if (i32.or
							(i64.eq (i64.load (i32.const 1032)) (i64.const 50))
							(i64.eq (i64.load (i32.const 1032)) (i64.const 120)))
						(then (unreachable)))
					(br $more)))))
)
