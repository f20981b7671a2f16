;; Ten lines of the log for each event.
(module
	(import "arkhe:observer/event" "next" (func $next (param i32 i32) (result i32)))
	(import "arkhe:observer/log" "write" (func $log (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(local $n i32)
		(loop $event
			(if (call $next (i32.const 1024) (i32.const 4096))
				(then
					(local.set $n (i32.const 10))
					(loop $line
						(call $log (i32.const 1024) (i32.const 128))
						(br_if $line (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
					(br $event)))))
)
