// The little that the tests need: count and print failures, exit status from main.
#pragma once
#include <stdio.h>

inline int failures = 0;

#define CHECK(condition, ...)                            \
  do {                                                   \
    if (!(condition) && ++failures <= 20) {              \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      printf(__VA_ARGS__);                               \
      printf("\n");                                      \
    }                                                    \
  } while (0)

inline int finish() {
  printf(failures ? "%d checks failed\n" : "ok\n", failures);
  return failures ? 1 : 0;
}
