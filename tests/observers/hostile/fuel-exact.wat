;; Needs the same fuel for every event; the test gives it exactly that, and one less.
(module
	(func (export "observer")
		(local $n i32)
		(local.set $n (i32.const 1000))
		(loop $more
			(br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
)
