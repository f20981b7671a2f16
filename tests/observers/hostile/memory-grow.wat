;; Takes all the memory that it can get, fills it, and returns.
(module
	(memory (export "memory") 2)
	(func (export "observer")
		(loop $more
			(br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
		(memory.fill (i32.const 0) (i32.const 255) (i32.mul (memory.size) (i32.const 65536))))
)
