;; Lines of the log without end.
(module
	(import "arkhe:observer/log" "write" (func $log (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(call $log (i32.const 0) (i32.const 1024))
			(br $more)))
)
