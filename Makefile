# make run     install what is missing, build, and start the platform
# make test    every test: unit, property, contract, simulator, end to end
# make check   format, lints
# make bench   side-by-side figures; ONLY=api, scheduler, hollow or footprint runs one part
# make sim     the simulator alone; SEEDS=n tries so many (from FROM=n on), SEED=n replays one seed
# make fuzz    coverage-guided fuzzing and schemathesis; SECONDS=n for each target
TARGET := target/x86_64-unknown-linux-gnu
LONGSHORE := $(TARGET)/release/longshore

.PHONY: run build test check bench sim fuzz clean demo-image image

run:
	@scripts/ensure.sh run
	@cargo build --release --bin longshore
	@scripts/engine.sh
	@exec $(LONGSHORE) up $(ARGS)

build:
	cargo build --release --bin longshore

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

test:
	@scripts/ensure.sh test
	@scripts/tools.sh
	$(MAKE) check
	cargo build --bin longshore
	cargo nextest run --workspace

sim:
	SEED=$(SEED) SEEDS=$(or $(SEEDS),10000) FROM=$(FROM) \
		cargo test --profile sim -p tests --test sim many_seeds -- --ignored --nocapture

fuzz:
	@scripts/ensure.sh test
	@scripts/tools.sh
	@scripts/fuzz.sh $(or $(SECONDS),60)
	cargo build --bin longshore
	SCHEMATHESIS_EXAMPLES=200 cargo nextest run -p tests --test schema

bench:
	@scripts/ensure.sh bench
	@scripts/tools.sh
	cargo build --release --bin longshore
	LONGSHORE_BIN=$(abspath $(LONGSHORE)) cargo run --release -p benches

demo-image:
	@scripts/ensure.sh test
	@scripts/engine.sh
	@scripts/demo-image.sh

image: build
	@scripts/engine.sh
	@scripts/image.sh $(LONGSHORE)

clean:
	cargo clean
