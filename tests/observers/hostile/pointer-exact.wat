;; The last bytes of the memory, and none at all behind them: both may be.
(module
	(import "arkhe:observer/pg" "write" (func $pg (param i32 i32)))
	(memory (export "memory") 2)
	(data (i32.const 131065) "{\"n\":1}")
	(func (export "observer")
		(call $pg (i32.const 131065) (i32.const 7)))
)
