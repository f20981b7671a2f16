;; Samples without end.
(module
	(import "arkhe:observer/metric" "emit" (func $metric (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(call $metric (i32.const 0) (i32.const 32))
			(br $more)))
)
