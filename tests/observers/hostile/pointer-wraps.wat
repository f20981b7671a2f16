;; Pointer and length whose sum does not fit into 32 bits.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(call $pg (i32.const 2147483647) (i32.const 2147483647)))
)
