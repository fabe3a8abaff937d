// Recurrent layers of many replicates at once: forward, and backward through time.
//
// A block of at most 32 rows of one replicate's batch goes through all layers, time by time, so that weights and states
// stay in the first caches; replicates and blocks know nothing of each other, and each number is computed by the same
// operations in the same order whoever else is there. Vectors run along the hidden units, whose number is padded to
// whole vectors within this file. Equations and the order of gates are those of torch.nn.RNN, LSTM and GRU.
//
// Plain C interface over raw memory: `paribus_recurrent_forward` and `paribus_recurrent_backward` below.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

// As many rows as leave room in the registers for two vectors each: 32 registers, or 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TILE_ROWS = 8;
#else
constexpr int TILE_ROWS = 4;
#endif

#ifdef PARIBUS_DOUBLE
using real = double;
#else
using real = float;
#endif
using Index = std::int64_t;
constexpr Index BLOCK_ROWS = 32;

// What is computed; mirrored in kernel.py. Strides count elements; what has none is contiguous.
struct Job {
  Index cell, replicates, time, batch, inputs, hidden, layers, threads, keep;
  const void *x;                           // (replicate, time, batch, feature), features contiguous
  Index x_replicate, x_time, x_batch;
  const void *const *weights;              // of each layer: ih, hh, bias_ih, bias_hh; null where there is none
  const Index *weight_replicate;           // stride of each from one replicate to the next
  const void *h, *c;                       // initial states, (replicate, layer, batch, hidden)
  void *saved;                             // replicates * batch * time * layers * Cell::saved * padded hidden
  void *output, *last_h, *last_c;          // (replicate, time, batch, hidden) and as the initial states
  const void *d_output, *d_last_h, *d_last_c;  // any may be null
  Index d_output_replicate, d_output_time, d_output_batch;
  void *d_x, *d_h, *d_c;                   // d_x may be null
  void *const *d_weights;                  // as weights, contiguous
};

namespace {

// ---- numbers ---------------------------------------------------------------------------------------------------------

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
constexpr Index LANES = sizeof(vec) / sizeof(real), PANEL = 2 * LANES;

#ifdef PARIBUS_DOUBLE
typedef std::int64_t bits __attribute__((vector_size(VECTOR_BYTES)));
constexpr int MANTISSA = 52, EXPONENT_BIAS = 1023, TERMS = 13;
constexpr real TO_INTEGER = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves an integer in the lowest bits
constexpr real LN2_HIGH = 6.93145751953125e-1, LN2_LOW = 1.42860682030941723212e-6;
constexpr real LARGEST = 709, SATURATED = 20;
#else
typedef std::int32_t bits __attribute__((vector_size(VECTOR_BYTES)));
constexpr int MANTISSA = 23, EXPONENT_BIAS = 127, TERMS = 7;
constexpr real TO_INTEGER = 12582912;  // 1.5 * 2^23
constexpr real LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
constexpr real LARGEST = 88, SATURATED = 10;
#endif

struct Series {
  real coefficient[TERMS + 1];  // 1 / k!
  constexpr Series() : coefficient{1} {
    double factorial = 1;
    for (int k = 1; k <= TERMS; k++) coefficient[k] = real(1 / (factorial *= k));
  }
};
constexpr Series SERIES;

inline vec load(const real *from) {
  vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(real *to, vec v) { std::memcpy(to, &v, sizeof v); }

// exp(x) - 1 = 2^n e^r - 1 with |r| <= ln(2) / 2, where e^r - 1 is its series, which ends where the next term is below
// half a unit in the last place. x must lie within +-LARGEST or be NaN, which it then is.
inline vec expm1(vec x) {
  const vec shifted = x * real(1.44269504088896340736) + TO_INTEGER, whole = shifted - TO_INTEGER;
  const vec r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
  vec sum = r * SERIES.coefficient[TERMS] + SERIES.coefficient[TERMS - 1];
#pragma GCC unroll 16
  for (int k = TERMS - 2; k >= 1; k--) sum = sum * r + SERIES.coefficient[k];
  sum *= r;
  const bits n = (bits)shifted - (bits)(vec{} + TO_INTEGER);
  const vec scale = (vec)((n + EXPONENT_BIAS) << MANTISSA);
  return scale * sum + (scale - real(1));
}

// Comparisons with NaN are false, so that it stays.
inline vec at_most(vec x, real limit) { return x > limit ? vec{} + limit : x; }

inline vec tanh(vec x) {
  const bits minus = (bits)-vec{};
  const vec e = expm1(real(2) * at_most((vec)((bits)x & ~minus), SATURATED));
  return (vec)((bits)(e / (e + real(2))) | ((bits)x & minus));
}

inline vec sigmoid(vec x) { return real(1) / (expm1(at_most(-at_most(x, LARGEST), LARGEST)) + real(2)); }

// ---- products --------------------------------------------------------------------------------------------------------

// The sum over g and k of a(m, g, k) w(g, k, n): `groups` times `length` terms.
// a is at a[m * rows + g * group + k], or transposed at a[m + k * rows]; w in panels of two vectors' width.
struct Term {
  const real *a;
  Index rows;
  const real *w;
  Index panel, width;  // from one panel to the next, and from one k to the next
  Index length, groups = 1, group = 0;
};

template <bool transposed, int M, int N>
inline void tile(real *out, Index out_rows, const real *start, Index start_rows, const Term *terms, int count,
                 Index m0, Index n0) {
  vec sum[M][N];
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++)
      sum[m][n] = start ? load(start + (m0 + m) * start_rows + n0 + n * LANES) : vec{};
  for (int i = 0; i < count; i++) {
    const Term &term = terms[i];
    const real *w = term.w + n0 / PANEL * term.panel;
    const Index rows = term.rows;
    for (Index g = 0; g < term.groups; g++) {
      const real *a = term.a + (transposed ? m0 : m0 * rows) + g * term.group;
      for (Index k = 0; k < term.length; k++, w += term.width, a += transposed ? rows : 1) {
        vec wide[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) wide[n] = load(w + n * LANES);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
          const real one = a[transposed ? m : m * rows];
#pragma GCC unroll 8
          for (int n = 0; n < N; n++) sum[m][n] += one * wide[n];
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++)
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) store(out + (m0 + m) * out_rows + n0 + n * LANES, sum[m][n]);
}

template <bool transposed, int N>
inline void column(Index M, real *out, Index out_rows, const real *start, Index start_rows, const Term *terms,
                   int count, Index n0) {
  Index m = 0;
  for (; m + TILE_ROWS <= M; m += TILE_ROWS)
    tile<transposed, TILE_ROWS, N>(out, out_rows, start, start_rows, terms, count, m, n0);
  if constexpr (TILE_ROWS > 4)
    for (; m + 4 <= M; m += 4) tile<transposed, 4, N>(out, out_rows, start, start_rows, terms, count, m, n0);
  for (; m < M; m++) tile<transposed, 1, N>(out, out_rows, start, start_rows, terms, count, m, n0);
}

// out(m, n) = start(m, n) + the terms, for M rows and N columns; N is a multiple of a vector, a null start is zero.
template <bool transposed>
__attribute__((noinline)) void multiply(Index M, Index N, real *out, Index out_rows, const real *start,
                                        Index start_rows, const Term *terms, int count) {
  Index n = 0;
  for (; n + PANEL <= N; n += PANEL)
    column<transposed, 2>(M, out, out_rows, start, start_rows, terms, count, n);
  if (n < N) column<transposed, 1>(M, out, out_rows, start, start_rows, terms, count, n);
}

// ---- cells -----------------------------------------------------------------------------------------------------------
//
// Each works on rows of `width` gates of `units` numbers. Inputs feed the first `gates` of them and the state the
// `gates` from `from_state` on; a gate fed by both adds them. `inputs[g]` is where torch has gate g among its own, as
// seen from the inputs, `states[g]` as seen from the state. `saved` counts what is kept a unit: the gates after
// activation, the cell state if there is one, and last the state, which in the simplest cell is its only gate.
//
// forward takes gates before activation; backward turns dh, the state's gradient, into what of it passes by the gates
// (nothing if not `direct`), dc likewise, and leaves the gates' gradients in d.

struct State {
  real *gates, *c, *h;
  const real *c_before, *h_before;
};

template <bool relu> struct Simple {
  static constexpr Index gates = 1, width = 1, from_state = 0, saved = 1;
  static constexpr bool direct = false, has_c = false;
  static constexpr Index inputs[] = {0}, states[] = {0};

  static void forward(const State &s, Index rows, Index units) {
    for (Index j = 0; j < rows * units; j += LANES) {
      const vec z = load(s.h + j);
      // Written so that NaN is kept.
      store(s.h + j, relu ? (z <= vec{} ? vec{} : z) : tanh(z));
    }
  }

  static void backward(const State &s, real *dh, real *, real *d, Index rows, Index units) {
    for (Index j = 0; j < rows * units; j += LANES) {
      const vec h = load(s.h + j), g = load(dh + j);
      store(d + j, relu ? (h <= vec{} ? vec{} : g) : g * (real(1) - h * h));
    }
  }
};

// i, f, g, o; c' = f c + i g; h' = o tanh(c').
struct Lstm {
  static constexpr Index gates = 4, width = 4, from_state = 0, saved = 6;
  static constexpr bool direct = false, has_c = true;
  static constexpr Index inputs[] = {0, 1, 2, 3}, states[] = {0, 1, 2, 3};

  static void forward(const State &s, Index rows, Index units) {
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        real *z = s.gates + row * 4 * units + j;
        const Index at = row * units + j;
        const vec i = sigmoid(load(z)), f = sigmoid(load(z + units));
        const vec g = tanh(load(z + 2 * units)), o = sigmoid(load(z + 3 * units));
        const vec c = f * load(s.c_before + at) + i * g;
        store(z, i), store(z + units, f), store(z + 2 * units, g), store(z + 3 * units, o);
        store(s.c + at, c), store(s.h + at, o * tanh(c));
      }
  }

  static void backward(const State &s, real *dh, real *dc, real *d, Index rows, Index units) {
    const real one = 1;
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        const real *z = s.gates + row * 4 * units + j;
        real *dz = d + row * 4 * units + j;
        const Index at = row * units + j;
        const vec i = load(z), f = load(z + units), g = load(z + 2 * units), o = load(z + 3 * units);
        const vec t = tanh(load(s.c + at)), up = load(dh + at);
        const vec down = load(dc + at) + up * o * (one - t * t);
        store(dz, down * g * i * (one - i));
        store(dz + units, down * load(s.c_before + at) * f * (one - f));
        store(dz + 2 * units, down * i * (one - g * g));
        store(dz + 3 * units, up * t * o * (one - o));
        store(dc + at, down * f);
      }
  }
};

// n_x, r, z, n_h; n = tanh(n_x + r n_h); h' = n + z (h - n). The first is n after activation; in d the first is the
// gradient of n_x and the last that of n_h.
struct Gru {
  static constexpr Index gates = 3, width = 4, from_state = 1, saved = 5;
  static constexpr bool direct = true, has_c = false;
  static constexpr Index inputs[] = {2, 0, 1}, states[] = {0, 1, 2};

  static void forward(const State &s, Index rows, Index units) {
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        real *q = s.gates + row * 4 * units + j;
        const Index at = row * units + j;
        const vec r = sigmoid(load(q + units)), z = sigmoid(load(q + 2 * units));
        const vec n = tanh(load(q) + r * load(q + 3 * units));
        store(q, n), store(q + units, r), store(q + 2 * units, z);
        store(s.h + at, n + z * (load(s.h_before + at) - n));
      }
  }

  static void backward(const State &s, real *dh, real *, real *d, Index rows, Index units) {
    const real one = 1;
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        const real *q = s.gates + row * 4 * units + j;
        real *dq = d + row * 4 * units + j;
        const Index at = row * units + j;
        const vec n = load(q), r = load(q + units), z = load(q + 2 * units), up = load(dh + at);
        const vec dn = up * (one - z) * (one - n * n);
        store(dq, dn);
        store(dq + units, dn * load(q + 3 * units) * r * (one - r));
        store(dq + 2 * units, up * (load(s.h_before + at) - n) * z * (one - z));
        store(dq + 3 * units, dn * r);
        store(dh + at, up * z);
      }
  }
};

// ---- layers ----------------------------------------------------------------------------------------------------------

// Zeroed memory, aligned to a cache line.
struct Memory {
  explicit Memory(Index count) : begin(static_cast<real *>(::operator new(bytes(count), std::align_val_t(64)))) {
    std::memset(begin, 0, bytes(count));
  }
  Memory(const Memory &) = delete;
  ~Memory() { ::operator delete(begin, std::align_val_t(64)); }
  static std::size_t bytes(Index count) { return std::max<std::size_t>(count, 1) * sizeof(real); }
  real *begin;
};

inline Index padded(Index n) { return (n + LANES - 1) / LANES * LANES; }

inline Index panels(Index n) { return (n + PANEL - 1) / PANEL; }

template <class Cell> struct Layers {
  const Job &job;
  const Index H, units, across, row;  // hidden, padded, columns of one product, numbers in a row of gates

  explicit Layers(const Job &job)
      : job(job), H(job.hidden), units(padded(H)), across(Cell::gates * units), row(Cell::width * units) {}

  Index features(Index layer) const { return layer ? H : job.inputs; }

  const real *weight(Index layer, Index which, Index replicate) const {
    const auto *w = static_cast<const real *>(job.weights[4 * layer + which]);
    return w ? w + replicate * job.weight_replicate[4 * layer + which] : nullptr;
  }

  // Blocks of rows as even as can be.
  Index blocks() const { return (job.batch + BLOCK_ROWS - 1) / BLOCK_ROWS; }
  Index first_row(Index block) const { return block * job.batch / blocks(); }

  // Where the given time and layer of a block keep theirs.
  State state(real *block, Index rows, Index slot, Index layer) const {
    real *at = block + (slot * job.layers + layer) * rows * Cell::saved * units;
    return {at, at + Cell::width * rows * units, at + (Cell::saved - 1) * rows * units, nullptr, nullptr};
  }

  void copy_in(real *to, const void *from, Index replicate, Index layer, Index first, Index rows) const {
    if (!from) return (void)std::memset(to, 0, rows * units * sizeof(real));
    const real *source = static_cast<const real *>(from) + ((replicate * job.layers + layer) * job.batch + first) * H;
    for (Index i = 0; i < rows; i++) {
      std::memcpy(to + i * units, source + i * H, H * sizeof(real));
      std::memset(to + i * units + H, 0, (units - H) * sizeof(real));
    }
  }

  void copy_out(void *to, const real *from, Index replicate, Index layer, Index first, Index rows) const {
    real *target = static_cast<real *>(to) + ((replicate * job.layers + layer) * job.batch + first) * H;
    for (Index i = 0; i < rows; i++) std::memcpy(target + i * H, from + i * units, H * sizeof(real));
  }

  // (gates * hidden, features) into panels of columns, one line a feature: what multiplies inputs or states.
  void pack_forward(real *to, const real *from, Index features, const Index *order) const {
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        const Index n = g * units + j;
        real *column = to + n / PANEL * features * PANEL + n % PANEL;
        const real *source = from + (order[g] * H + j) * features;
        for (Index k = 0; k < features; k++) column[k * PANEL] = source[k];
      }
  }

  // The same into panels of features, one line a gate's unit: what multiplies gradients of gates.
  void pack_backward(real *to, const real *from, Index features, const Index *order) const {
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        const real *source = from + (order[g] * H + j) * features;
        for (Index k = 0; k < features; k++)
          to[(k / PANEL * Cell::gates * H + g * H + j) * PANEL + k % PANEL] = source[k];
      }
  }

  void pack_bias(real *to, Index layer, Index replicate) const {
    const real *input = weight(layer, 2, replicate), *state = weight(layer, 3, replicate);
    if (!input) return;
    std::memset(to, 0, row * sizeof(real));
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        to[g * units + j] += input[Cell::inputs[g] * H + j];
        to[(Cell::from_state + g) * units + j] += state[Cell::states[g] * H + j];
      }
  }

  void forward(Index from, Index to) const {
    const Index L = job.layers;
    const Index most = std::min(job.batch, BLOCK_ROWS), below = panels(across) * PANEL;
    std::vector<Index> at(L + 1, 0);
    for (Index l = 0; l < L; l++) at[l + 1] = at[l] + (features(l) + H) * below + row;
    Memory packed(at[L]), initial(2 * L * most * units);
    Memory scratch(job.keep ? 0 : 2 * L * most * Cell::saved * units);
    for (Index r = from; r < to; r++) {
      for (Index l = 0; l < L; l++) {
        real *w = packed.begin + at[l];
        pack_forward(w, weight(l, 0, r), features(l), Cell::inputs);
        pack_forward(w + features(l) * below, weight(l, 1, r), H, Cell::states);
        pack_bias(w + (features(l) + H) * below, l, r);
      }
      for (Index b = 0; b < blocks(); b++) {
        const Index first = first_row(b), rows = first_row(b + 1) - first;
        real *hs = initial.begin, *cs = initial.begin + L * most * units;
        for (Index l = 0; l < L; l++) {
          copy_in(hs + l * most * units, job.h, r, l, first, rows);
          if (Cell::has_c) copy_in(cs + l * most * units, job.c, r, l, first, rows);
        }
        real *block = job.keep ? saved(r, first) : scratch.begin;
        for (Index t = 0; t < job.time; t++)
          for (Index l = 0; l < L; l++) {
            State s = at_time(block, rows, t, l, hs, cs, most);
            const real *x = l ? state(block, rows, slot(t), l - 1).h : input(r, t, first);
            step(s, x, l ? units : job.x_batch, l, packed.begin + at[l], below, rows);
            if (l == L - 1) write_output(s.h, r, t, first, rows);
            if (t == job.time - 1) {
              copy_out(job.last_h, s.h, r, l, first, rows);
              if (Cell::has_c) copy_out(job.last_c, s.c, r, l, first, rows);
            }
          }
      }
    }
  }

  Index slot(Index time) const { return job.keep ? time : time % 2; }

  real *saved(Index replicate, Index first) const {
    return static_cast<real *>(job.saved) +
           (replicate * job.batch + first) * job.time * job.layers * Cell::saved * units;
  }

  const real *input(Index replicate, Index time, Index first) const {
    return static_cast<const real *>(job.x) + replicate * job.x_replicate + time * job.x_time + first * job.x_batch;
  }

  State at_time(real *block, Index rows, Index t, Index l, const real *hs, const real *cs, Index most) const {
    State s = state(block, rows, slot(t), l);
    const State before = state(block, rows, slot(t ? t - 1 : 0), l);
    s.h_before = t ? before.h : hs + l * most * units;
    s.c_before = t ? before.c : cs + l * most * units;
    return s;
  }

  void step(const State &s, const real *x, Index x_rows, Index l, const real *packed, Index below,
            Index rows) const {
    const Index K = features(l);
    const real *bias = packed + (K + H) * below;
    const Term terms[] = {{x, x_rows, packed, K * PANEL, PANEL, K},
                                {s.h_before, units, packed + K * below, H * PANEL, PANEL, H}};
    if (Cell::from_state == 0) {
      multiply<false>(rows, across, s.gates, row, bias, 0, terms, 2);
    } else {
      multiply<false>(rows, across, s.gates, row, bias, 0, terms, 1);
      for (Index i = 0; i < rows; i++)
        std::memcpy(s.gates + i * row + across, bias + across, (row - across) * sizeof(real));
      real *gates = s.gates + Cell::from_state * units;
      multiply<false>(rows, across, gates, row, gates, row, terms + 1, 1);
    }
    Cell::forward(s, rows, units);
  }

  void write_output(const real *h, Index r, Index t, Index first, Index rows) const {
    real *to = static_cast<real *>(job.output) + ((r * job.time + t) * job.batch + first) * H;
    for (Index i = 0; i < rows; i++) std::memcpy(to + i * H, h + i * units, H * sizeof(real));
  }

  void backward(Index from, Index to) const {
    const Index L = job.layers, lines = Cell::gates * H;
    const Index most = std::min(job.batch, BLOCK_ROWS), plane = most * units;
    std::vector<Index> at(L + 1, 0), sums(L + 1, 0);
    for (Index l = 0; l < L; l++) {
      const Index upward = l || job.d_x ? panels(features(l)) * PANEL * lines : 0;
      at[l + 1] = at[l] + panels(H) * PANEL * lines + upward;
      sums[l + 1] = sums[l] + (features(l) + H) * across + row;
    }
    const Index wide = padded(job.inputs);
    Memory packed(at[L]), sum(sums[L]), initial(2 * L * plane), carried(2 * L * plane), gradient(most * row);
    Memory d_x(job.d_x ? most * wide : 0);
    for (Index r = from; r < to; r++) {
      for (Index l = 0; l < L; l++) {
        real *w = packed.begin + at[l];
        pack_backward(w, weight(l, 1, r), H, Cell::states);
        if (l || job.d_x)
          pack_backward(w + panels(H) * PANEL * lines, weight(l, 0, r), features(l), Cell::inputs);
      }
      std::memset(sum.begin, 0, sums[L] * sizeof(real));
      for (Index b = 0; b < blocks(); b++) {
        const Index first = first_row(b), rows = first_row(b + 1) - first;
        real *hs = initial.begin, *cs = hs + L * plane, *dh = carried.begin, *dc = dh + L * plane;
        for (Index l = 0; l < L; l++) {
          copy_in(hs + l * plane, job.h, r, l, first, rows);
          copy_in(dh + l * plane, job.d_last_h, r, l, first, rows);
          if (Cell::has_c) {
            copy_in(cs + l * plane, job.c, r, l, first, rows);
            copy_in(dc + l * plane, job.d_last_c, r, l, first, rows);
          }
        }
        real *block = saved(r, first), *d = gradient.begin;
        for (Index t = job.time - 1; t >= 0; t--) {
          add_output(dh + (L - 1) * plane, r, t, first, rows);
          for (Index l = L - 1; l >= 0; l--) {
            const State s = at_time(block, rows, t, l, hs, cs, most);
            if (t > 1) fetch(state(block, rows, t - 2, l).gates, rows * Cell::saved * units);
            const real *x = l ? state(block, rows, t, l - 1).h : input(r, t, first);
            real *up = dh + l * plane;
            Cell::backward(s, up, dc + l * plane, d, rows, units);
            const real *w = packed.begin + at[l], *d_state = d + Cell::from_state * units;
            const Index panel = lines * PANEL;
            const Term back = {d_state, row, w, panel, PANEL, H, Cell::gates, units};
            multiply<false>(rows, units, up, units, Cell::direct ? up : nullptr, units, &back, 1);
            const Term down = {d, row, w + panels(H) * panel, panel, PANEL, H, Cell::gates, units};
            if (l) {
              multiply<false>(rows, units, up - plane, units, up - plane, units, &down, 1);
            } else if (job.d_x) {
              multiply<false>(rows, wide, d_x.begin, wide, nullptr, 0, &down, 1);
              write_d_x(d_x.begin, wide, r, t, first, rows);
            }
            add_weights(sum.begin + sums[l], x, l ? units : job.x_batch, features(l), s.h_before, d, d_state, rows);
          }
        }
        for (Index l = 0; l < L; l++) {
          copy_out(job.d_h, dh + l * plane, r, l, first, rows);
          if (Cell::has_c) copy_out(job.d_c, dc + l * plane, r, l, first, rows);
        }
      }
      for (Index l = 0; l < L; l++) write_weights(sum.begin + sums[l], r, l);
    }
  }

  // Ask for memory that is soon needed: going back in time, the processor does not see it coming.
  static void fetch(const real *from, Index count) {
    for (Index i = 0; i < count; i += 64 / Index(sizeof(real))) __builtin_prefetch(from + i, 0, 2);
  }

  void add_output(real *dh, Index r, Index t, Index first, Index rows) const {
    if (!job.d_output) return;
    const real *from = static_cast<const real *>(job.d_output) + r * job.d_output_replicate + t * job.d_output_time +
                       first * job.d_output_batch;
    for (Index i = 0; i < rows; i++, dh += units, from += job.d_output_batch) {
      Index j = 0;
      for (; j + LANES <= H; j += LANES) store(dh + j, load(dh + j) + load(from + j));
      for (; j < H; j++) dh[j] += from[j];
    }
  }

  void write_d_x(const real *from, Index wide, Index r, Index t, Index first, Index rows) const {
    real *to = static_cast<real *>(job.d_x) + ((r * job.time + t) * job.batch + first) * job.inputs;
    for (Index i = 0; i < rows; i++) std::memcpy(to + i * job.inputs, from + i * wide, job.inputs * sizeof(real));
  }

  // Gradients of weights are kept transposed, so that vectors run along the gates here too.
  void add_weights(real *sum, const real *x, Index x_rows, Index features, const real *h, const real *d,
                   const real *d_state, Index rows) const {
    const Term of_inputs = {x, x_rows, d, PANEL, row, rows};
    const Term of_states = {h, units, d_state, PANEL, row, rows};
    real *states = sum + features * across, *bias = states + H * across;
    multiply<true>(features, across, sum, across, sum, across, &of_inputs, 1);
    multiply<true>(H, across, states, across, states, across, &of_states, 1);
    for (Index j = 0; j < row; j += LANES) {
      vec total = load(bias + j);
      for (Index i = 0; i < rows; i++) total += load(d + i * row + j);
      store(bias + j, total);
    }
  }

  void write_weights(const real *sum, Index r, Index l) const {
    const Index K = features(l);
    const real *states = sum + K * across, *bias = states + H * across;
    real *const d[] = {target(l, 0, r, K), target(l, 1, r, H), target(l, 2, r, 1), target(l, 3, r, 1)};
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        const Index of_input = Cell::inputs[g] * H + j, of_state = Cell::states[g] * H + j;
        for (Index k = 0; k < K; k++) d[0][of_input * K + k] = sum[k * across + g * units + j];
        for (Index k = 0; k < H; k++) d[1][of_state * H + k] = states[k * across + g * units + j];
        if (!d[2]) continue;
        d[2][of_input] = bias[g * units + j];
        d[3][of_state] = bias[(Cell::from_state + g) * units + j];
      }
  }

  real *target(Index layer, Index which, Index replicate, Index columns) const {
    auto *d = static_cast<real *>(job.d_weights[4 * layer + which]);
    return d ? d + replicate * Cell::gates * H * columns : nullptr;
  }
};

// ---- entry -----------------------------------------------------------------------------------------------------------

// Replicates in as many even parts as there are threads; returns whether there was memory enough.
template <class Cell> bool run(const Job &job, bool forward) {
  const Index parts = std::max<Index>(1, std::min(job.threads, job.replicates));
  std::vector<char> failed(parts, 0);
  const auto part = [&](Index i) {
    const Index from = i * job.replicates / parts, to = (i + 1) * job.replicates / parts;
    try {
      const Layers<Cell> layers(job);
      forward ? layers.forward(from, to) : layers.backward(from, to);
    } catch (const std::bad_alloc &) {
      failed[i] = 1;
    }
  };
  std::vector<std::thread> threads;
  for (Index i = 1; i < parts; i++) try {
      threads.emplace_back(part, i);
    } catch (const std::system_error &) {
      part(i);
    }
  part(0);
  for (auto &thread : threads) thread.join();
  return std::none_of(failed.begin(), failed.end(), [](char f) { return f; });
}

int enter(const Job &job, bool forward) {
  try {
    switch (job.cell) {
      case 0: return !run<Simple<false>>(job, forward);
      case 1: return !run<Simple<true>>(job, forward);
      case 2: return !run<Lstm>(job, forward);
      default: return !run<Gru>(job, forward);
    }
  } catch (...) {
    return 1;
  }
}

}  // namespace

extern "C" {

// Both return zero, or one where memory could not be had.
int paribus_recurrent_forward(const Job *job) { return enter(*job, true); }
int paribus_recurrent_backward(const Job *job) { return enter(*job, false); }

// How many numbers a vector holds, to which the hidden units are padded.
int paribus_recurrent_lanes() { return int(LANES); }
}
