;; A disk bomb: rows of 32 KiB without end.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(call $pg (i32.const 0) (i32.const 32768))
			(br $more)))
)
