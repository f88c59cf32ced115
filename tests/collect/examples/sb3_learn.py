from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, device="cpu", seed=1)
model.set_logger(configure("logs", ["csv", "tensorboard"]))
model.learn(256)
