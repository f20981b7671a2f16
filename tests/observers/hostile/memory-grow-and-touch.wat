;; Grows past its limit and writes there all the same.
(module
	(memory (export "memory") 2)
	(func (export "observer")
		(drop (memory.grow (i32.const 60000)))
		(i32.store (i32.const 1000000000) (i32.const 1)))
)
