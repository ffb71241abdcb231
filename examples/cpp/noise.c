/* The kernel core from C, without Python or torch: draws four rows of noise, and the third of them alone. */
#include <gdl/api.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  float rows[4][6], third[6];
  const gdl_noise all = {4, 6, 7, 0, NULL};     /* rows, columns, seed, offset, keys of rows */
  const gdl_noise one = {1, 6, 7, 2 * 2, NULL}; /* two rows passed over, two counters each */
  const gdl_randn_args draw_all = {all, GDL_FLOAT32, rows}, draw_one = {one, GDL_FLOAT32, third};
  if (gdl_cpu_randn(&draw_all, NULL) != GDL_OK || gdl_cpu_randn(&draw_one, NULL) != GDL_OK) return 1;
  for (int r = 0; r < 4; ++r) {
    for (int j = 0; j < 6; ++j) printf("%9.5f", (double)rows[r][j]);
    printf("\n");
  }
  return memcmp(rows[2], third, sizeof third) != 0;
}
