// A way to run a kernel on three threads, for tests that cut the work otherwise than one thread does.
#pragma once
#include <thread>
#include <vector>

#include "gdl/api.h"

static void three_threads(int64_t begin, int64_t end, int64_t, gdl_body body, void* context) {
  std::vector<std::thread> threads;
  const int64_t size = (end - begin + 2) / 3;
  for (int64_t b = begin; b < end; b += size) {
    threads.emplace_back(body, b, b + size < end ? b + size : end, context);
  }
  for (std::thread& t : threads) t.join();
}
