.PHONY: run test lint bench
run: ; ./run
test: ; ./run test
lint: ; ./run lint
bench: ; ./run bench all
