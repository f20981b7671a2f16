;; A row that ends one byte past the memory.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(func (export "observer")
		(call $pg (i32.const 131065) (i32.const 8)))
)
