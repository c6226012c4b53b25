SELECT desk.bench_submit();
