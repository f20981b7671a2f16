;; A row of one byte that begins where the memory ends.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(call $pg (i32.const 131072) (i32.const 1)))
)
